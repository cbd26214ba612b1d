const LEAST = 8;
/** bcrypt takes no more. */
const MOST_BYTES = 72;

/** What is wrong with a new password; nothing if the server will take it (it may ask for more characters). */
export function passwordProblem(password: string): string | undefined {
	if ([...password].length < LEAST) return `At least ${LEAST} characters.`;
	if (new TextEncoder().encode(password).length > MOST_BYTES) return `At most ${MOST_BYTES} bytes.`;
	return undefined;
}
