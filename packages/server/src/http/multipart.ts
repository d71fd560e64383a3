import { Busboy } from '@fastify/busboy'
import { HttpRefusal } from './http-refusal.ts'
import { joinChunks, nextTurn, SLICE_BYTES } from './join-chunks.ts'

/** A file of a form. */
export interface FormFile {
  readonly field: string
  readonly name: string
  readonly bytes: Buffer
}

const LIMITS = { files: 64, fields: 64, parts: 128, fieldSize: 64 * 1024, headerPairs: 32 }

function refuse(message: string): HttpRefusal {
  return new HttpRefusal(400, 'INPUT_INVALID', message)
}

interface FormPart {
  readonly field: string
  readonly name: string
  readonly chunks: readonly Buffer[]
}

function readParts(body: Buffer, contentType: string): Promise<readonly FormPart[]> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const settle = (work: () => void): void => {
      isOver = true
      work()
    }
    const fail = (cause: unknown): void =>
      settle(() => reject(refuse(`the form cannot be read: ${(cause as Error).message}`)))
    const write = async (form: InstanceType<typeof Busboy>): Promise<void> => {
      for (let start = 0; start < body.length && !isOver; start += SLICE_BYTES) {
        if (start > 0) await nextTurn()
        await new Promise((written) => form.write(body.subarray(start, start + SLICE_BYTES), written))
      }
      if (!isOver) form.end()
    }
    try {
      const parts: FormPart[] = []
      const form = new Busboy({
        headers: { 'content-type': contentType },
        limits: { ...LIMITS, fileSize: body.length + 1 },
      })
      form.on('file', (field, stream, name) => {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('error', fail)
        stream.on('end', () => parts.push({ field, name: name ?? '', chunks }))
      })
      for (const limit of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const) {
        form.on(limit, () =>
          settle(() => reject(refuse(`a form may have ${LIMITS.files} files and as many other fields`))),
        )
      }
      form.on('error', fail)
      form.on('finish', () => settle(() => resolve(parts)))
      write(form).catch(fail)
    } catch (error) {
      fail(error)
    }
  })
}

/**
 * The files of a form, in its order; other fields are passed over. Large ones are read in slices, and the event loop turns
 * between them.
 *
 * @param contentType - with the form's boundary
 * @throws HttpRefusal 400 for a form that is none, is cut off, or has more than 64 files
 */
export async function readForm(body: Buffer, contentType: string): Promise<readonly FormFile[]> {
  const files: FormFile[] = []
  for (const { field, name, chunks } of await readParts(body, contentType)) {
    files.push({ field, name, bytes: await joinChunks(chunks) })
  }
  return files
}
