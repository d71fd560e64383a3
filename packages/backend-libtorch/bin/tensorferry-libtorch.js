#!/usr/bin/env node
// Not built: an install finds it, and links it, before the first build.
import '../dist/cli.js'
