import { defineConfig } from 'vite'
import { contentPolicy } from './build/content-policy.ts'
import { exampleBundles } from './build/example-bundles.ts'
import { precacheList } from './build/precache-list.ts'

/** They make a page cross-origin isolated, so that WebAssembly has threads. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

export default defineConfig({
  // Any folder of any host.
  base: './',
  // Its files lie beside its module, where the development server must leave them.
  optimizeDeps: { exclude: ['@tensorferry/backend-onnx-web'] },
  server: { headers, fs: { allow: ['../..'] } },
  preview: { headers },
  plugins: [exampleBundles(), contentPolicy(), precacheList()],
  build: {
    target: 'es2022',
    // A picture inside the script is no file that can be fetched and looked at.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: 'index.html', 'service-worker': 'src/service-worker.ts' },
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
})
