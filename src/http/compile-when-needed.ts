import AjvCompiler from '@fastify/ajv-compiler'
import SerializerSelector from '@fastify/fast-json-stringify-compiler'

/**
 * Fastify's own compilers of schemas, put off to a route's first request: a server has some two hundred schemas, of which a
 * user's requests meet a few, and compiling all of them is a third of the time that it takes to start.
 */
export function compileWhenNeeded() {
  const [buildValidator, buildSerializer] = [AjvCompiler(), SerializerSelector()]
  return {
    compilersFactory: {
      buildValidator: ((...settings: Parameters<typeof buildValidator>) => {
        const compile = buildValidator(...settings)
        return (route: Parameters<typeof compile>[0]) => {
          let validate: ReturnType<typeof compile> | undefined
          // Fastify looks for what is wrong on the function that it called.
          function validateWhenNeeded(value: unknown): unknown {
            validate ??= compile(route)
            const isValid: unknown = validate(value)
            validateWhenNeeded.errors = validate.errors
            return isValid
          }
          validateWhenNeeded.errors = validate?.errors
          return validateWhenNeeded
        }
      }) as typeof buildValidator,
      buildSerializer: ((...settings: Parameters<typeof buildSerializer>) => {
        const compile = buildSerializer(...settings)
        return (route: Parameters<typeof compile>[0]) => {
          let serialise: ReturnType<typeof compile> | undefined
          return (value: unknown) => {
            serialise ??= compile(route)
            return serialise(value)
          }
        }
      }) as typeof buildSerializer,
    },
  }
}
