import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from './error-notice.tsx';

interface WindowBoundaryState {
  readonly failure: Error | null;
}

/** Stands in for a screen that failed, with the way back; runs work in processes of their own meanwhile. */
export class WindowBoundary extends Component<{ readonly children: ReactNode }, WindowBoundaryState> {
  override readonly state: WindowBoundaryState = { failure: null };

  static getDerivedStateFromError(failure: Error): WindowBoundaryState {
    return { failure };
  }

  override render(): ReactNode {
    const { failure } = this.state;
    return failure === null ? this.props.children : <FailedWindow message={failure.message} />;
  }
}

function FailedWindow({ message }: { readonly message: string }): ReactNode {
  const { t } = useTranslation();
  return (
    <main className="screen-body">
      <ErrorNotice
        error={{ code: 'window-failed', message }}
        action={{ label: t('actions.reload'), onAct: () => window.location.reload() }}
      />
    </main>
  );
}
