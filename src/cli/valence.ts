#!/usr/bin/env -S node --liftoff-only
import { enableCompileCache } from 'node:module'

// --liftoff-only, which can only be said before Node starts: the one large WebAssembly program here is the embedded PostgreSQL. Optimising
// it takes 0.6 GB and seconds of both cores at every start, and its short statements are none the faster for it (decision 11).

// Some 250 files are read and stripped of their types at every start; what was once compiled is kept in the system's folder for
// temporary files. It has to come before they are imported.
enableCompileCache()
await import('./commands.ts')
