const KEY_BYTES = 32;

/** What is wrong with the text of a key; nothing if it is 32 bytes in base64. */
export function keyProblem(text: string): string | undefined {
	const length = decodedLength(text.trim());
	if (length === undefined) return 'This is not base64: only letters, digits, + and /, with = at the end.';
	return length === KEY_BYTES ? undefined : `A key has ${KEY_BYTES} bytes; these are ${length}.`;
}

function decodedLength(text: string): number | undefined {
	try {
		return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? atob(text).length : undefined;
	} catch {
		return undefined;
	}
}
