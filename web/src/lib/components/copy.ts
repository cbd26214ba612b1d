/** Puts text on the clipboard. Browsers offer theirs only over HTTPS and on this machine; elsewhere the old way does it. */
export async function copyText(text: string): Promise<void> {
	if (navigator.clipboard) {
		await navigator.clipboard.writeText(text);
		return;
	}
	const field = document.createElement('textarea');
	field.value = text;
	field.style.position = 'fixed';
	field.style.opacity = '0';
	// Inside an open dialog: the focus cannot leave it.
	(document.activeElement?.closest('[role="dialog"]') ?? document.body).append(field);
	try {
		field.select();
		if (!document.execCommand('copy')) throw new Error('the browser does not let this page copy: select the text and copy it by hand');
	} finally {
		field.remove();
	}
}
