// All that needs the SDK, loaded after the page is drawn.
export { clearDownloads, encodeImage, listDownloads, resize } from '@tensorferry/core'
export { drawingToPicture } from './digits/drawing-to-picture.ts'
export { describeError } from './model/describe-error.ts'
export { loadVerified } from './model/load.ts'
export { predictInStages, timesOf } from './model/predict.ts'
export { viewInput, viewStage } from './model/stage-view.ts'
export { openPicture, openPixels, shrinkInput } from './pictures/picture-input.ts'
export { imagePicture } from './pictures/tensor-picture.ts'
