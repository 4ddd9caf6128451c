/** Bytes as base64, and how many there are. */
const PIECE = 0x8000
const KIB = 1024

export function base64Of(bytes: Uint8Array): string {
  let text = ''
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE))
  }
  return btoa(text)
}

export function sizeOfBase64(text: string): number {
  return Math.floor((text.replace(/=+$/, '').length * 3) / 4)
}

/** "312 B", "4.2 KiB", "1.0 MiB". */
export function sizeText(bytes: number | null): string {
  if (bytes === null) return '–'
  if (bytes < KIB) return `${bytes} B`
  if (bytes < KIB * KIB) return `${(bytes / KIB).toFixed(1)} KiB`
  return `${(bytes / KIB / KIB).toFixed(1)} MiB`
}
