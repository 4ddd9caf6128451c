import { useQuery } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { Loading } from '../parts/Loading'
import { AccountMenu } from './AccountMenu'
import { BoxInfo } from './BoxInfo'
import { Logo } from './Logo'
import { OfflineBanner } from './OfflineBanner'
import { sessionQuery } from './query'
import { SchemeSwitch } from './SchemeSwitch'
import classes from './Shell.module.css'

const PLACES = [
  { to: '/flows', name: 'Flows' },
  { to: '/executions', name: 'Executions' },
  { to: '/console', name: 'Console' },
] as const

/** The frame of every page: the bar at the top, and below it the page. */
export function Shell() {
  const session = useQuery(sessionQuery)
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#page">
        Skip to the page
      </a>
      <header className={classes.bar}>
        <Link to="/executions" className={classes.brand} aria-label="axiomd, to the executions">
          <Logo />
          <span>axiomd</span>
        </Link>
        <nav className={classes.places} aria-label="Main">
          {PLACES.map(({ to, name }) => (
            <Link key={to} to={to} className={classes.place}>
              {name}
            </Link>
          ))}
        </nav>
        <div className={classes.own}>
          <BoxInfo />
          <SchemeSwitch />
          {session.data && <AccountMenu session={session.data} />}
        </div>
      </header>
      <OfflineBanner />
      <main id="page" className={classes.page} tabIndex={-1}>
        {/* What changes anything needs the session's token: no page before it is there. */}
        {session.data ? <Outlet /> : <Loading />}
      </main>
    </div>
  )
}
