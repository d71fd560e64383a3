// libjpeg names the type; there are no files.
#pragma once
#include <stddef.h>
typedef struct file FILE;
