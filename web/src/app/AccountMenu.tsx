import { ActionIcon, Button, Popover } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { LogOut, User } from 'lucide-react'
import { api } from '../api/client'
import { sentence } from '../api/errors'
import type { Session } from '../api/types'
import classes from './Shell.module.css'

/** Who is signed in, and the way out. */
export function AccountMenu({ session }: { session: Session }) {
  const navigate = useNavigate()
  const client = useQueryClient()
  const signOut = async () => {
    try {
      await api.signOut()
    } catch (failure) {
      notifications.show({ color: 'red', title: 'Still signed in', message: sentence(failure) })
      return
    }
    await navigate({ to: '/sign-in', search: {} })
    // Nothing of this tenant stays for who signs in next.
    client.clear()
  }
  return (
    <Popover position="bottom-end" withinPortal={false} shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <ActionIcon variant="default" size={28} aria-label="Account">
          <User size={15} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown p={0}>
        <dl className={classes.account}>
          <dt>Tenant</dt>
          <dd className="ax-mono">{session.tenant}</dd>
          <dt>Key</dt>
          <dd>
            {session.key.name} <span className="ax-mono ax-dim">{session.key.first8}…</span>
          </dd>
        </dl>
        <Button
          variant="subtle"
          color="gray"
          fullWidth
          justify="flex-start"
          radius={0}
          leftSection={<LogOut size={14} />}
          onClick={signOut}
        >
          Sign out
        </Button>
      </Popover.Dropdown>
    </Popover>
  )
}
