import { Button } from '@mantine/core'
import { Download } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Json } from '../../api/types'
import { JsonView } from '../../parts/JsonView'
import { download } from './download'
import classes from './tabs.module.css'

/** A titled part of a tab. */
export function Panel(props: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.panel} aria-label={props.title}>
      <header className={classes.panelHead}>
        <h2>{props.title}</h2>
        {props.aside}
      </header>
      <div className={classes.panelBody}>{props.children}</div>
    </section>
  )
}

/** A recorded message, to look at and to keep. */
export function MessagePanel(props: {
  title: string
  value: Json
  /** Of the file, without its ending. */
  file: string
  aside?: ReactNode
}) {
  const { title, value, file } = props
  return (
    <Panel
      title={title}
      aside={
        <span className={classes.asides}>
          {props.aside}
          {value !== null && (
            <Button
              variant="subtle"
              color="gray"
              size="compact-xs"
              leftSection={<Download size={13} />}
              aria-label={`Download ${title}`}
              onClick={() => download(file, value)}
            >
              Download
            </Button>
          )}
        </span>
      }
    >
      {value === null ? (
        <p className="ax-dim">Nothing was recorded.</p>
      ) : (
        <JsonView value={value} />
      )}
    </Panel>
  )
}
