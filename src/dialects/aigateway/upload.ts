import type { MultipartFile, MultipartValue } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { ValenceError } from '../../errors.ts'
import { type FileRow, type Files, MAX_FILE_BYTES, type Upload } from '../../jobs/files/files.ts'

/** The fields of a form beside its file are short. */
export const FORM_LIMITS = {
  files: 1,
  fields: 10,
  fieldSize: 1000,
  headerPairs: 20,
  // One more than the file may have, so that a file that is too large is told from one that just fits.
  fileSize: MAX_FILE_BYTES + 1,
}

/** Those that AIGateway's document names. Files of others than batch are kept and read again, and that is all. */
const PURPOSES: readonly string[] = ['batch', 'batch_output', 'fine-tune', 'assistants']

/** OpenAI keeps a file for at least an hour and at most 30 days, where it is told for how long. */
const LEAST_EXPIRY_SECONDS = 3600
const MOST_EXPIRY_SECONDS = 2_592_000

/** What may have no line break, path or end in a header; a name is for people, so the rest may stay. */
const UNFIT_FOR_NAME = /[\p{Cc}/\\]/gu

const MAX_NAME_LENGTH = 255

/** A client that sends nothing for this long has gone, whatever its connection says. */
const STILL_MS = 60_000

/**
 * Reads a form with a file while it arrives. Its fields may come before the file or, as some clients send them, after it.
 *
 * @throws ValenceError `invalid_request`, `body_too_large`
 */
export async function readUpload(request: FastifyRequest, files: Files): Promise<FileRow> {
  if (!request.isMultipart()) {
    throw new ValenceError('invalid_request', 'Send the file as multipart/form-data, with the fields file and purpose.')
  }
  const { accountId } = request.caller
  // Whoever reads the form hears that its client has gone.
  const stillness = setTimeout(() => request.raw.destroy(), STILL_MS)
  const heard = () => stillness.refresh()
  const fields = new Map<string, string>()
  let upload: (Upload & { filename: string }) | undefined
  try {
    for await (const part of arriving(request.parts({ limits: FORM_LIMITS }), request, heard)) {
      if (part.type === 'field') fields.set(part.fieldname, textOf(part))
      else if (part.fieldname !== 'file') throw invalid(part.fieldname, 'The form may have a file in "file" alone.')
      else {
        // What is wrong already need not be read to its end.
        optionsOf(fields)
        upload = { ...(await files.upload(accountId, arriving(part.file, request, heard))), filename: nameOf(part) }
      }
    }
    if (!upload) throw invalid('file', 'The form has no file in a field "file".')
    return await files.create(accountId, upload, { filename: upload.filename, ...optionsOf(fields) })
  } catch (error) {
    if (upload) await files.discard(upload)
    throw error
  } finally {
    clearTimeout(stillness)
  }
}

/** Passes on what arrives of a form. What goes wrong with it is the client's: the form is broken, or the client gone. */
async function* arriving<T>(source: AsyncIterable<T>, { raw }: FastifyRequest, heard: () => void): AsyncGenerator<T> {
  try {
    for await (const piece of source) {
      heard()
      yield piece
    }
  } catch (cause) {
    if (!raw.complete) throw new ValenceError('aborted', 'The client closed the connection.', { cause })
    throw new ValenceError('invalid_request', `The form cannot be read: ${(cause as Error).message}.`, { cause })
  }
}

function nameOf({ filename }: MultipartFile): string {
  const name = filename.replace(UNFIT_FOR_NAME, '_').slice(0, MAX_NAME_LENGTH)
  return name === '' ? 'file.jsonl' : name
}

function textOf({ value, fieldname, valueTruncated }: MultipartValue): string {
  if (typeof value !== 'string' || valueTruncated) throw invalid(fieldname, `${fieldname} must be a short text.`)
  return value
}

function optionsOf(fields: ReadonlyMap<string, string>): { purpose: string; expiresInSeconds: number | undefined } {
  const purpose = fields.get('purpose') ?? 'batch'
  if (!PURPOSES.includes(purpose)) {
    throw invalid('purpose', `purpose must be one of ${PURPOSES.join(', ')}. A batch reads files of the purpose batch.`)
  }
  const anchor = fields.get('expires_after[anchor]')
  const seconds = fields.get('expires_after[seconds]')
  if (anchor !== undefined && anchor !== 'created_at') {
    throw invalid('expires_after[anchor]', 'expires_after[anchor] must be "created_at".')
  }
  if (seconds === undefined) return { purpose, expiresInSeconds: undefined }
  const expiresInSeconds = Number(seconds)
  if (
    !Number.isInteger(expiresInSeconds) ||
    expiresInSeconds < LEAST_EXPIRY_SECONDS ||
    expiresInSeconds > MOST_EXPIRY_SECONDS
  ) {
    throw invalid(
      'expires_after[seconds]',
      `expires_after[seconds] must be from ${LEAST_EXPIRY_SECONDS} to ${MOST_EXPIRY_SECONDS}.`,
    )
  }
  return { purpose, expiresInSeconds }
}

function invalid(field: string, message: string): ValenceError {
  return new ValenceError('invalid_request', message, { field })
}
