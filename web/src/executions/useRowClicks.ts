import type { MouseEvent } from 'react'
import { rowOf } from './useRowKeys'

const SHOWN_MS = 1_500

interface Options {
  onOpen: (id: string) => void
  onToggle: (index: number, through: boolean) => void
}

/** What a click in the list does: copy, open, or choose. */
export function useRowClicks({ onOpen, onToggle }: Options) {
  return (event: MouseEvent<HTMLElement>) => {
    const target = event.target as Element
    const row = rowOf(target)
    const button = target.closest<HTMLElement>('[data-copy]')
    if (button) return void copy(button)
    if (!row?.dataset.id || target.closest('input')) return
    const apart = event.ctrlKey || event.metaKey || event.shiftKey
    if (target.closest('a')) {
      // With a key held, the browser opens the link in a tab or a window of its own.
      if (apart) return
      event.preventDefault()
      return onOpen(row.dataset.id)
    }
    if (apart) return onToggle(Number(row.dataset.index), event.shiftKey)
    // Who marks text to copy it does not want to go anywhere.
    if (!window.getSelection()?.toString()) onOpen(row.dataset.id)
  }
}

async function copy(button: HTMLElement): Promise<void> {
  await navigator.clipboard.writeText(button.dataset.copy ?? '')
  button.dataset.copied = ''
  setTimeout(() => delete button.dataset.copied, SHOWN_MS)
}
