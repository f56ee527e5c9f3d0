/** A process of its own that holds the lock of the folder in its first argument, says so, and waits to be ended. */
import { lockFolder } from '../../../core/store/lock.ts'

try {
  const lock = lockFolder(process.argv[2] as string)
  console.log('held')
  // A lock that nothing refers to is collected, and given back.
  setInterval(() => lock, 60_000)
} catch (error) {
  console.log((error as Error).message)
}
