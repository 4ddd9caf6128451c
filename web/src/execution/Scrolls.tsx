import type { ReactNode, Ref, UIEvent } from 'react'

interface Props {
  label: string
  className: string | undefined
  children: ReactNode
  ref?: Ref<HTMLElement>
  onScroll?: (event: UIEvent<HTMLElement>) => void
}

/** A region that scrolls, by keys too. */
export function Scrolls({ label, className, children, ref, onScroll }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, keys could not scroll it.
    <section ref={ref} className={className} tabIndex={0} aria-label={label} onScroll={onScroll}>
      {children}
    </section>
  )
}
