import { LogError } from './log.ts'

/** What comes of a read; null when the log could not be read. It was waited for already, and its health tells of it: ask again. */
export async function unlessUnread<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read
  } catch (error) {
    if (error instanceof LogError && error.reaction === 'retry') return null
    throw error
  }
}
