#!/usr/bin/env node
// Plain JavaScript: what strips types takes 45 ms to load, and with a bundle nothing needs it (decision 17).
import { enableCompileCache } from 'node:module'
import { bundledEntry } from '../../bundle/made-of.mjs'

// What was once compiled is kept in the system's folder for temporary files. It has to come before anything large is imported.
enableCompileCache()
const bundle = bundledEntry()
if (bundle !== undefined) await import(bundle)
else await import('./commands.ts')
