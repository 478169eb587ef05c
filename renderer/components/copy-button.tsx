import { Button } from 'antd';
import { useEffect, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

const shownForMs = 1600;

/** Puts something on the clipboard and says so on itself. */
export function CopyButton({
  label,
  onCopy,
}: {
  readonly label: string;
  readonly onCopy: () => Promise<void>;
}): ReactNode {
  const { t } = useTranslation();
  const [said, setSaid] = useState<'copied' | 'notCopied' | null>(null);
  useEffect(() => {
    if (said === null) return undefined;
    const timer = setTimeout(() => setSaid(null), shownForMs);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void => {
    onCopy().then(
      () => setSaid('copied'),
      () => setSaid('notCopied'),
    );
  };
  return (
    <Button size="small" type="text" className="copy-button" onClick={copy}>
      <span className={said === null ? undefined : 'unseen'}>{label}</span>
      <span role="status" className="copy-said">
        {said === null ? '' : t(`actions.${said}`)}
      </span>
    </Button>
  );
}
