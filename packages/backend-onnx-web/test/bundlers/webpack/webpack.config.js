import MinimizerPlugin from 'minimizer-webpack-plugin'

export default {
  mode: 'production',
  entry: './main.js',
  output: { filename: 'main.js', module: true, assetModuleFilename: 'assets/[name][ext]' },
  experiments: { outputModule: true },
  // ONNX Runtime's files are small already, and not all of them can be read as scripts.
  optimization: { minimizer: [new MinimizerPlugin({ exclude: /^assets\// })] },
}
