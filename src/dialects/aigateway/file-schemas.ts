import { Type } from 'typebox'
import { listOf, Nullable, PageQuery } from './lists.ts'

export const FileObject = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('file'),
    bytes: Type.Integer(),
    created_at: Type.Integer(),
    expires_at: Nullable(Type.Integer()),
    filename: Type.String(),
    purpose: Type.String({ description: 'As it was uploaded, or batch_output for what a batch has made' }),
    status: Type.Literal('processed'),
    sha256: Type.String({ description: 'Of the content, in hexadecimal' }),
  },
  { title: 'File' },
)

export const FileList = listOf(FileObject, 'FileList')

export const FileQuery = Type.Object({ ...PageQuery, purpose: Type.Optional(Type.String()) })

export const FileParams = Type.Object({ id: Type.String() })

export const FileDeleted = Type.Object(
  { id: Type.String(), object: Type.Literal('file'), deleted: Type.Literal(true) },
  { title: 'FileDeleted' },
)
