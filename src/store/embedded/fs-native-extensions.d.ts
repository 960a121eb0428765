/** The part that is used of a package without types. */
declare module 'fs-native-extensions' {
  /** @returns whether the exclusive lock of the open file is ours now */
  export function tryLock(descriptor: number): boolean
}
