/** Parts of the pages that the gateway makes. */

export function pageHead(title: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color-scheme: light dark; overflow-wrap: anywhere }
td { padding-right: 2em; vertical-align: top }
td + td { font-family: ui-monospace, monospace; font-size: 13px }
td:last-child { text-align: right }
dd { margin-left: 2em }
</style>
`
}

export const pageEnd = '</html>\n'

export function link(href: string, text: string): string {
  return `<a href="${escaped(href)}">${escaped(text)}</a>`
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
