import type { ImageMode, RawImage } from './raw-image.ts'

/** How an image is written. */
export interface EncodeOptions {
  /** Default 'png', which loses nothing. */
  readonly format?: 'png' | 'jpeg' | 'webp'
  /** 1 to 100 for jpeg and webp, default 90; png has none. */
  readonly quality?: number
}

/** The platform's decoder and encoder of image files. */
export interface ImageCodecs {
  /**
   * Decodes a JPEG, PNG or WebP file to the pixels of Pillow's `Image.open(file).convert(mode)`: no colour management, no EXIF rotation.
   *
   * @param warnings - a turn in the file's EXIF is put here, once
   * @throws TensorferryError `INPUT_INVALID` for what is no such file, is damaged, or would not give Pillow's pixels; `DEPENDENCY_MISSING`
   */
  decode(bytes: Uint8Array, mode: Exclude<ImageMode, 'RGBA'>, warnings?: string[]): Promise<RawImage>
  /** Encodes an image. @throws TensorferryError `OPTIONS_INVALID`, `INPUT_INVALID`, `DEPENDENCY_MISSING` */
  encode(image: RawImage, options?: EncodeOptions): Promise<Uint8Array<ArrayBuffer>>
}
