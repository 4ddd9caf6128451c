import { ActionIcon, Menu } from '@mantine/core'
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
    <Menu position="bottom-end" withinPortal shadow="md">
      <Menu.Target>
        <ActionIcon variant="default" size={28} aria-label="Account">
          <User size={15} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown aria-label="Account">
        <Menu.Label className={classes.account} component="div">
          <dl style={{ margin: 0 }}>
            <dt>Tenant</dt>
            <dd className="ax-mono">{session.tenant}</dd>
            <dt>Key</dt>
            <dd>
              {session.key.name} <span className="ax-mono ax-dim">{session.key.first8}…</span>
            </dd>
          </dl>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item leftSection={<LogOut size={14} />} onClick={signOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
