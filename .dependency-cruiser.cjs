/** The composition root, which may import everything. */
const ROOT = '^src/(main|classifier|server|version)\\.ts$'

/**
 * Which folder may know which, checked by `npm run direction`; docs/architecture.md draws the picture.
 *
 * A rule names a folder and everything of ours that it may import beside itself.
 */
const MAY_IMPORT = {
  '^src/errors\\.ts$': [],
  '^src/config\\.ts$': ['^src/hub-environment\\.ts$'],
  '^src/hub-environment\\.ts$': [],
  '^src/node-http\\.ts$': [],
  '^src/engine/': ['^src/errors\\.ts$'],
  '^src/store/': ['^src/errors\\.ts$'],
  // Conversion ends in the engine's form of a network, so it knows that form; and it measures what it has written by
  // running it, against floats.
  '^src/convert/': [
    '^src/engine/(network|activation|backend|self-test)\\.ts$',
    '^src/engine/onnx/backend\\.ts$',
    '^src/engine/tokenizer/tokenizer\\.ts$',
  ],
  // Which files make a folder a model's.
  '^src/catalog/': ['^src/convert/model-files\\.ts$', '^src/node-http\\.ts$'],
  // The way of a model from a Hub or a disk into the engine.
  '^src/loading/': [
    '^src/catalog/',
    '^src/convert/',
    '^src/engine/(engine|priority)\\.ts$',
    '^src/engine/tokenizer/tokenizer\\.ts$',
    '^src/errors\\.ts$',
    '^src/gateway/(models|models-on-demand)\\.ts$',
  ],
  '^src/gateway/': ['^src/errors\\.ts$', '^src/store/', '^src/engine/(engine|activation)\\.ts$', '^src/catalog/'],
  '^src/jobs/': ['^src/errors\\.ts$', '^src/node-http\\.ts$', '^src/gateway/', '^src/store/', '^src/catalog/'],
  '^src/dialects/dialect\\.ts$': ['^src/errors\\.ts$', '^src/gateway/'],
  '^src/dialects/schema-error\\.ts$': ['^src/errors\\.ts$'],
  '^src/dialects/aigateway/': [
    '^src/errors\\.ts$',
    '^src/gateway/',
    '^src/jobs/',
    '^src/catalog/',
    '^src/dialects/(dialect|schema-error)\\.ts$',
  ],
  '^src/dialects/workers-ai/': [
    '^src/errors\\.ts$',
    '^src/gateway/',
    '^src/jobs/',
    '^src/catalog/',
    '^src/dialects/dialect\\.ts$',
  ],
  '^src/dialects/huggingface/': ['^src/errors\\.ts$', '^src/gateway/', '^src/catalog/', '^src/dialects/dialect\\.ts$'],
  '^src/dialects/text-embeddings-inference/': [
    '^src/errors\\.ts$',
    '^src/gateway/',
    '^src/catalog/',
    '^src/dialects/dialect\\.ts$',
  ],
  '^src/dialects/mcp/': ['^src/errors\\.ts$', '^src/gateway/', '^src/catalog/', '^src/dialects/dialect\\.ts$'],
  '^src/http/': ['^src/errors\\.ts$', '^src/node-http\\.ts$', '^src/dialects/(dialect|schema-error)\\.ts$', '^src/gateway/'],
  '^src/cli/': [
    '^src/errors\\.ts$',
    '^src/config\\.ts$',
    ROOT,
    '^src/catalog/',
    '^src/convert/convert\\.ts$',
    '^src/engine/engine\\.ts$',
    '^src/gateway/',
    '^src/jobs/files/open-contents\\.ts$',
    '^src/store/',
  ],
}

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(MAY_IMPORT).map(([from, to]) => ({
      name: `${from} imports only what it may`,
      severity: 'error',
      from: { path: from },
      to: { path: '^src/', pathNot: [from, ...to] },
    })),
    {
      name: 'every-folder-has-a-rule',
      severity: 'error',
      from: { path: '^src/', pathNot: [ROOT, ...Object.keys(MAY_IMPORT)] },
      to: {},
    },
    {
      name: 'config-is-for-main-and-cli',
      severity: 'error',
      from: { pathNot: [ROOT, '^src/config\\.ts$', '^src/cli/'] },
      to: { path: '^src/config\\.ts$' },
    },
    { name: 'no-missing-packages', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
}
