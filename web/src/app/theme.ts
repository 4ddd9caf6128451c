import {
  type CSSVariablesResolver,
  createTheme,
  localStorageColorSchemeManager,
} from '@mantine/core'

/** The name is also that of public/theme.js, which sets the scheme before the first paint. */
export const schemeManager = localStorageColorSchemeManager({ key: 'axiomd-color-scheme' })

export const theme = createTheme({
  fontFamily: 'var(--ax-sans)',
  fontFamilyMonospace: 'var(--ax-mono)',
  headings: { fontFamily: 'var(--ax-sans)', fontWeight: '650' },
  primaryColor: 'indigo',
  // White on it can be read, whatever the colour.
  primaryShade: { light: 8, dark: 8 },
  // The pages are dense: what is small in Mantine's scale is the text of the body here.
  fontSizes: { xs: '12px', sm: '13px', md: '14px' },
  defaultRadius: 6,
  cursorType: 'pointer',
  components: {
    // Its element is <header>, which would be a second banner of the page.
    ModalHeader: { defaultProps: { role: 'none' } },
    Modal: { defaultProps: { closeButtonProps: { 'aria-label': 'Close the dialog' } } },
  },
  colors: {
    // Mantine's own dark grey is warm; this one is that of the panels and the canvas.
    dark: [
      '#e8eaf0',
      '#c3c8d4',
      '#9aa1b1',
      '#6b7385',
      '#353a46',
      '#2b2f39',
      '#1c1f28',
      '#14161d',
      '#0e0f13',
      '#08090c',
    ],
  },
})

/** What Mantine draws faintly is drawn in a colour that can be read. */
const READABLE = {
  '--mantine-color-placeholder': 'var(--ax-dim)',
  '--mantine-color-dimmed': 'var(--ax-dim)',
  '--mantine-color-body': 'var(--ax-panel)',
  '--mantine-color-text': 'var(--ax-text)',
  '--mantine-color-default-border': 'var(--ax-line)',
}

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: READABLE,
  dark: READABLE,
})
