import { Button, Tooltip } from 'antd';
import { useEffect, useId, useRef, useState, type ReactNode } from 'react';

export interface PrimaryAction {
  readonly label: string;
  readonly onAct: () => void;
  /** Why it cannot be done yet. */
  readonly blockedBy?: string | null;
  readonly isBusy?: boolean;
}

export interface ScreenProps {
  readonly title: string;
  readonly subtitle?: ReactNode;
  /** What this screen is for, always at the top right; Ctrl+Enter does it. */
  readonly primary?: PrimaryAction | null;
  /** Other actions, to the left of the primary one. */
  readonly actions?: ReactNode;
  /** Between the title and the work: steps, the before → after bar. */
  readonly above?: ReactNode;
  readonly children: ReactNode;
}

/** A screen: title and its one primary action, what stays in sight, and the work. */
export function Screen({ title, subtitle, primary, actions, above, children }: ScreenProps): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // A new screen begins at its title, for the keyboard and the screen reader alike. A title that changes is no new
    // screen: the language was switched, or the run ended, while the person is somewhere else on it.
    heading.current?.focus({ preventScroll: true });
  }, []);
  usePrimaryShortcut(primary);
  return (
    <main className="screen" id="work">
      <header className="screen-header">
        <div className="screen-title">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {subtitle !== undefined && <div className="quiet">{subtitle}</div>}
        </div>
        <div className="screen-actions">
          {actions}
          {primary && <PrimaryButton key={primary.label} {...primary} />}
        </div>
      </header>
      {above}
      <div className="screen-body">{children}</div>
    </main>
  );
}

const reasonDelayMs = 500;

function PrimaryButton({ label, onAct, blockedBy = null, isBusy = false }: PrimaryAction): ReactNode {
  const reasonId = useId();
  const [isReasonOpen, setReasonOpen] = useState(false);
  // A button that appears under a resting pointer says nothing until it is pointed at.
  const [bornAt] = useState(() => performance.now());
  const isBlocked = blockedBy !== null;
  return (
    <Tooltip
      title={blockedBy}
      placement="bottomRight"
      mouseEnterDelay={reasonDelayMs / 1000}
      open={isBlocked && isReasonOpen}
      onOpenChange={(isOpen) => setReasonOpen(isOpen && performance.now() - bornAt > 2 * reasonDelayMs)}
    >
      <Button
        type="primary"
        size="large"
        className="primary-action"
        loading={isBusy}
        // Still reachable while blocked, so that the keyboard can learn why.
        aria-disabled={isBlocked}
        aria-describedby={isBlocked ? reasonId : undefined}
        onFocus={() => setReasonOpen(true)}
        onBlur={() => setReasonOpen(false)}
        onClick={() => {
          if (!isBlocked) onAct();
        }}
      >
        {label}
        {isBlocked && (
          <span className="visually-hidden" id={reasonId}>
            {blockedBy}
          </span>
        )}
      </Button>
    </Tooltip>
  );
}

function usePrimaryShortcut(primary: PrimaryAction | null | undefined): void {
  useEffect(() => {
    const act = (event: KeyboardEvent): void => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      if (!primary || primary.isBusy || (primary.blockedBy ?? null) !== null) return;
      event.preventDefault();
      primary.onAct();
    };
    window.addEventListener('keydown', act);
    return () => window.removeEventListener('keydown', act);
  }, [primary]);
}
