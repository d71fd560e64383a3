export default {
  optimizeDeps: { exclude: ['@tensorferry/backend-onnx-web'] },
}
