/** Paths that are written otherwise than a route is, and where they lead (`spec/rest-api.md` §1.2). */

export interface Redirect {
  status: 301 | 307
  location: string
}

/** `path` and `search` as they came, still escaped. Undefined when the path is as it should be. */
export function redirectOf(path: string, search: string): Redirect | undefined {
  const clean = cleanPath(path)
  // A path of two slashes at its begin would lead to another host.
  if (path.endsWith('/') && path !== '/' && path === `${clean}/`) {
    return { status: 307, location: `${clean}${search}` }
  }
  return path === clean ? undefined : { status: 301, location: `${clean}${search}` }
}

/** Without empty names, `.` and `..`, and without a slash at its end. */
function cleanPath(path: string): string {
  const names: string[] = []
  for (const name of path.split('/')) {
    const plain = name.replace(/%2e/gi, '.')
    if (plain === '' || plain === '.') continue
    if (plain === '..') names.pop()
    // Browsers take a backslash for a slash.
    else names.push(name.replaceAll('\\', '%5C'))
  }
  return `/${names.join('/')}`
}
