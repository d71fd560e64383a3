import { Busboy } from '@fastify/busboy'
import { HttpRefusal } from './http-refusal.ts'

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

/**
 * The files of a form, in its order; other fields are passed over.
 *
 * @param contentType - with the form's boundary
 * @throws HttpRefusal 400 for a form that is none, is cut off, or has more than 64 files
 */
export function readForm(body: Buffer, contentType: string): Promise<readonly FormFile[]> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(refuse(`the form cannot be read: ${(cause as Error).message}`))
    try {
      const files: FormFile[] = []
      const form = new Busboy({
        headers: { 'content-type': contentType },
        limits: { ...LIMITS, fileSize: body.length + 1 },
      })
      form.on('file', (field, stream, name) => {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('error', fail)
        stream.on('end', () => files.push({ field, name: name ?? '', bytes: Buffer.concat(chunks) }))
      })
      for (const limit of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const) {
        form.on(limit, () => reject(refuse(`a form may have ${LIMITS.files} files and as many other fields`)))
      }
      form.on('error', fail)
      form.on('finish', () => resolve(files))
      form.end(body)
    } catch (error) {
      fail(error)
    }
  })
}
