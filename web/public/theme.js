// Before the first paint, so that nobody who chose light sees a flash of dark. Mantine keeps the
// choice under this name.
;(() => {
  let scheme = 'auto'
  try {
    scheme = localStorage.getItem('axiomd-color-scheme') || 'auto'
  } catch {
    // A browser that keeps nothing.
  }
  if (scheme === 'auto') {
    scheme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'
  }
  document.documentElement.setAttribute('data-mantine-color-scheme', scheme)
})()
