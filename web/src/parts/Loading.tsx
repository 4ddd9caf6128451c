import { Skeleton } from '@mantine/core'
import classes from './parts.module.css'

const WIDTHS = ['46%', '88%', '72%', '80%', '54%']

/** Something is on its way. */
export function Loading({ lines = WIDTHS.length }: { lines?: number }) {
  const widths = Array.from({ length: lines }, (_, line) => WIDTHS[line % WIDTHS.length] ?? '80%')
  return (
    <div className={classes.loading} role="status" aria-label="Loading">
      {widths.map((width, line) => (
        <Skeleton key={line} height={12} width={width} radius="sm" />
      ))}
    </div>
  )
}
