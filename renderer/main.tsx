import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { App } from './app.tsx';
import { WindowBoundary } from './components/window-boundary.tsx';
import { createTexts, resolveLanguage } from './language/i18n.ts';
import { StudioContext, StudioStore } from './studio/studio-store.ts';
import '@xyflow/react/dist/base.css';
import 'uplot/dist/uPlot.min.css';
import './styles.css';

const root = document.querySelector('#root');
if (root === null) throw new Error('The page has no place for the window.');

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
const store = new StudioStore();
store.connect(window.studio);

// The first picture is already in the right language and theme.
await store.refreshed;
const { settings, info } = store.getState();
const texts = createTexts(resolveLanguage(settings.language, info?.locale ?? navigator.language));

createRoot(root).render(
  <StrictMode>
    <StudioContext value={store}>
      <I18nextProvider i18n={texts}>
        <WindowBoundary>
          <App nonce={nonce} />
        </WindowBoundary>
      </I18nextProvider>
    </StudioContext>
  </StrictMode>,
);
