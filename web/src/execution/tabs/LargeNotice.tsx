import { Button, Group } from '@mantine/core'
import { Download } from 'lucide-react'
import type { ReactNode } from 'react'
import classes from './tabs.module.css'

interface Props {
  /** How large what is. */
  children: ReactNode
  onLoad: () => void
  /** Where it is downloaded from, and as what. */
  address: string
  file: string
}

/** What is too large to be shown unasked: load it, or keep it in a file. */
export function LargeNotice({ children, onLoad, address, file }: Props) {
  return (
    <div className={classes.large}>
      <p>{children}</p>
      <Group gap="xs">
        <Button variant="default" size="xs" onClick={onLoad}>
          Load it
        </Button>
        <Button
          component="a"
          variant="subtle"
          size="xs"
          leftSection={<Download size={14} />}
          href={address}
          download={`${file}.json`}
        >
          Download
        </Button>
      </Group>
    </div>
  )
}
