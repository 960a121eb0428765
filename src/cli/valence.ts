#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// Some 250 files are read and stripped of their types at every start; what was once compiled is kept in the system's folder for
// temporary files. It has to come before they are imported.
enableCompileCache()
await import('./commands.ts')
