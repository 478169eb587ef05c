import { app, shell, type Session, type WebContents } from 'electron';
import { pageUrl } from './protocol.ts';

/** Hosts that a link may lead to, in the person's own browser: papers and model cards. */
const linkedHosts = new Set(['arxiv.org', 'huggingface.co']);

/** The one permission the page has: a chart is copied when the person asks for it. */
const grantedPermission = 'clipboard-sanitized-write';

/** Keeps every page where it is: it goes nowhere, opens nothing, embeds nothing. To be called before any is made. */
export function confinePages(): void {
  app.on('web-contents-created', (_event, contents) => {
    confine(contents);
  });
}

/** Denies what a page may ask for: camera, notifications, devices and the like. */
export function denyPermissions(session: Session): void {
  session.setPermissionRequestHandler((_contents, permission, answer) => {
    answer(permission === grantedPermission);
  });
  session.setPermissionCheckHandler((_contents, permission) => permission === grantedPermission);
  session.setDevicePermissionHandler(() => false);
  session.on('will-download', (event) => {
    event.preventDefault();
  });
}

function confine(contents: WebContents): void {
  contents.on('will-navigate', (event) => {
    // A reload is no way out.
    if (event.url !== pageUrl) event.preventDefault();
  });
  contents.on('will-frame-navigate', (event) => {
    if (!event.isMainFrame) event.preventDefault();
  });
  contents.on('will-redirect', (event) => {
    event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => {
    event.preventDefault();
  });
  contents.setWindowOpenHandler(({ url }) => {
    if (isLinked(url)) void shell.openExternal(url);
    return { action: 'deny' };
  });
}

function isLinked(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' && linkedHosts.has(hostname);
}
