import { Link, Outlet } from '@tanstack/react-router'
import {
  Building2,
  CalendarClock,
  Gauge,
  KeyRound,
  LockKeyhole,
  ScrollText,
  SlidersHorizontal,
  Webhook,
} from 'lucide-react'
import classes from './console.module.css'

const PLACES = [
  { to: '/console/keys', name: 'API Keys', icon: KeyRound },
  { to: '/console/webhooks', name: 'Webhooks', icon: Webhook },
  { to: '/console/secrets', name: 'Secrets', icon: LockKeyhole },
  { to: '/console/configs', name: 'Flow Configs', icon: SlidersHorizontal },
  { to: '/console/schedules', name: 'Schedules', icon: CalendarClock },
  { to: '/console/usage', name: 'Usage', icon: Gauge },
  { to: '/console/tenants', name: 'Tenants', icon: Building2 },
  { to: '/console/audit', name: 'Audit Log', icon: ScrollText },
] as const

/** Everything that runs a box, one page a subject. */
export function Console() {
  return (
    <div className={classes.console}>
      <nav className={classes.side} aria-labelledby="console-group">
        <h2 id="console-group">Console</h2>
        <ul>
          {PLACES.map(({ to, name, icon: Icon }) => (
            <li key={to}>
              <Link to={to} className={classes.place}>
                <Icon size={15} aria-hidden />
                {name}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className={classes.content}>
        <Outlet />
      </div>
    </div>
  )
}
