import { TensorferryError } from '../errors.ts'

/**
 * Checks a path that a bundle or an ONNX file names: POSIX, relative, inside its folder.
 *
 * @returns the same path without `./`
 * @throws TensorferryError `BUNDLE_INVALID` for absolute paths, `..`, backslashes, drive letters, URLs and empty names
 */
export function requireSafePath(path: string, where: string): string {
  const parts = path.split('/').filter((part) => part !== '.')
  const unsafe =
    parts.length === 0 ||
    parts.some((part) => part === '' || part === '..') ||
    // A colon is a drive letter, an NTFS stream or a URL; a control character is never meant.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    /[\\:\u0000-\u001f]/.test(path)
  if (unsafe) {
    throw new TensorferryError(
      'BUNDLE_INVALID',
      `${where}: path ${JSON.stringify(path)} leaves its folder or is malformed; expected a relative POSIX path such as "data/model.onnx"`,
      { details: { path } },
    )
  }
  return parts.join('/')
}
