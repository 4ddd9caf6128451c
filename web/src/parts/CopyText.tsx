import { ActionIcon, CopyButton } from '@mantine/core'
import { Check, Copy } from 'lucide-react'
import classes from './parts.module.css'

/** Text of machines, with a button that copies it. */
export function CopyText({ text, label }: { text: string; label: string }) {
  return (
    <span className={classes.copyText}>
      <span className={classes.copied} title={text}>
        {text}
      </span>
      <CopyButton value={text} timeout={1500}>
        {({ copied, copy }) => (
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={copied ? 'Copied' : `Copy ${label}`}
            onClick={(event) => {
              event.stopPropagation()
              copy()
            }}
          >
            {copied ? <Check size={13} /> : <Copy size={13} />}
          </ActionIcon>
        )}
      </CopyButton>
    </span>
  )
}
