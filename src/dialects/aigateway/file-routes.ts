import fastifyMultipart from '@fastify/multipart'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FileRow } from '../../jobs/files/files.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import { sendContent } from './content.ts'
import { FileDeleted, FileList, FileObject, FileParams, FileQuery } from './file-schemas.ts'
import { listAnswer, pageOf, unixSeconds } from './lists.ts'
import { ErrorBody } from './schemas.ts'
import { FORM_LIMITS, readUpload } from './upload.ts'

const ERRORS = { '4xx': ErrorBody, '5xx': ErrorBody }

/** As many as OpenAI answers at once, which is all that its clients ask for. */
const PAGE = { most: 10_000, usual: 10_000 }

const tags = ['Files']

/** Files, as OpenAI's clients upload, list and read them. */
export function fileRoutes(jobs: Promise<Jobs>): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(fastifyMultipart, { limits: FORM_LIMITS })

    app.post(
      '/v1/files',
      {
        config: { isUpload: true },
        schema: {
          summary: 'Upload a file, such as the input of a batch',
          description:
            'A form (multipart/form-data) of `file`, at most 200 MB, and `purpose`: `batch`, unless it is only to be kept.',
          tags,
          response: { 201: FileObject, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { files } = await jobs
        return reply.code(201).send(fileObject(await readUpload(request, files)))
      },
    )

    app.get(
      '/v1/files',
      { schema: { summary: 'List the files', tags, querystring: FileQuery, response: { 200: FileList, ...ERRORS } } },
      async ({ query, caller }) => {
        const { files } = await jobs
        const page = { ...pageOf(query, PAGE), purpose: query.purpose }
        const { rows, hasMore } = await files.list(caller.accountId, page)
        return listAnswer(rows.map(fileObject), hasMore)
      },
    )

    app.get(
      '/v1/files/:id',
      { schema: { summary: 'Describe a file', tags, params: FileParams, response: { 200: FileObject, ...ERRORS } } },
      async ({ params, caller }) => {
        const { files } = await jobs
        return fileObject(await files.get(caller.accountId, params.id))
      },
    )

    app.delete(
      '/v1/files/:id',
      { schema: { summary: 'Delete a file', tags, params: FileParams, response: { 200: FileDeleted, ...ERRORS } } },
      async ({ params: { id }, caller }) => {
        const { files } = await jobs
        await files.remove(caller.accountId, id)
        return { id, object: 'file' as const, deleted: true as const }
      },
    )

    app.get(
      '/v1/files/:id/content',
      { schema: { summary: "Read a file's content", tags, params: FileParams, response: ERRORS } },
      async ({ params, caller }, reply) => {
        const { files } = await jobs
        const file = await files.get(caller.accountId, params.id)
        // Bytes have no schema, so the types know of errors alone.
        return sendContent(reply, file, files.read(file), 'application/octet-stream') as never
      },
    )
  }
}

function fileObject(file: FileRow) {
  return {
    id: file.id,
    object: 'file' as const,
    bytes: file.bytes,
    created_at: unixSeconds(file.created_at),
    expires_at: file.expires_at && unixSeconds(file.expires_at),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed' as const,
    sha256: file.sha256,
  }
}
