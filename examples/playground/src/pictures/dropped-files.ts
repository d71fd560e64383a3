/** What somebody dropped or picked: one picture, or the files of a bundle. */
export type Given =
  | { readonly kind: 'picture'; readonly file: File }
  | { readonly kind: 'bundle'; readonly name: string; readonly files: ReadonlyMap<string, Blob> }

const MODEL_FILE = /\.onnx$|^bundle\.json$/

async function filesBelow(entry: FileSystemEntry, path: string, found: Map<string, Blob>): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    found.set(path, file)
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  // A reader gives a hundred entries at a time, and none at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (entries.length === 0) return
    for (const child of entries) await filesBelow(child, path === '' ? child.name : `${path}/${child.name}`, found)
  }
}

function sortGiven(name: string, files: ReadonlyMap<string, Blob>): Given | null {
  const [only, ...others] = files.values()
  if (only === undefined) return null
  if (others.length === 0 && only instanceof File && !MODEL_FILE.test(only.name)) return { kind: 'picture', file: only }
  return { kind: 'bundle', name, files }
}

/** Reads a drop: a folder, files of a bundle, or a picture. null: there was nothing of use. */
export async function readDrop(transfer: DataTransfer): Promise<Given | null> {
  // The list is empty after the first wait.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null)
  const [first] = entries
  if (first === undefined) return readFiles(transfer.files)
  const files = new Map<string, Blob>()
  for (const entry of entries) await filesBelow(entry, entry.isFile ? entry.name : '', files)
  return first.isDirectory ? { kind: 'bundle', name: first.name, files } : sortGiven(first.name, files)
}

/** Reads what a file or folder picker gave. */
export function readFiles(list: FileList): Given | null {
  const files = new Map<string, Blob>()
  for (const file of list) {
    // Below the picked folder.
    const path = file.webkitRelativePath.split('/').slice(1).join('/')
    files.set(path || file.name, file)
  }
  return sortGiven(list[0]?.webkitRelativePath.split('/')[0] || list[0]?.name || '', files)
}
