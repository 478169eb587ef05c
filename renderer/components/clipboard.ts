/** Text onto the clipboard, with or without the permission the modern way asks for. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyByEvent(text);
  }
}

export async function copyPicture(canvas: HTMLCanvasElement): Promise<void> {
  const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (picture === null) throw new Error('The picture could not be made.');
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
}

/** A copy command puts what its listener gives it on the clipboard, without asking. */
function copyByEvent(text: string): void {
  const give = (event: ClipboardEvent): void => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
  };
  document.addEventListener('copy', give);
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way that needs no permission
    if (!document.execCommand('copy')) throw new Error('The clipboard refused.');
  } finally {
    document.removeEventListener('copy', give);
  }
}
