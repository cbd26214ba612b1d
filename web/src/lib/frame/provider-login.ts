import { ApiError } from '$lib/api/errors';

/** Why the login at the provider came to nothing, in words for whoever wanted to log in. The server says one of these, and no more. */
const WORDS: Record<string, string> = {
	access_denied: 'The provider did not let you in, or you said no there.',
	provider_error: 'The provider refused: an administrator finds its reason in the log of this server.',
	provider_unreachable: 'The provider does not answer, or is not set up as this server expects. Try again later, or log in with a password.',
	login_expired: 'That login took too long, was begun in another browser, or is over already. Begin again.',
	bad_token: 'What the provider said could not be believed. Begin again; an administrator finds the reason in the log of this server.',
	no_role: 'You have no role on this server. Ask for one where your groups are kept.',
	unknown_user: 'No user of this server is linked with your account at the provider. Ask an administrator.',
	name_taken: 'There is a user here already who has your name. An administrator can link the two, or rename one.',
	bad_name: 'Your name at the provider is none that this server can take. Ask an administrator.',
	user_disabled: 'You were disabled on this server. Ask an administrator.',
	last_admin: 'You are the last administrator here, and the provider gives you another role. Another one has to come first.',
	second_factor_needed: 'Your role needs a second factor, and the provider did not say that it asked for one.',
	too_many_attempts: 'Too many logins came to nothing. Wait a while.'
};

/** The reason in the address of the login page, as an error that can be shown; nothing without one. */
export function refusal(code: string | null): ApiError | undefined {
	if (!code) return undefined;
	const words = Object.hasOwn(WORDS, code) ? WORDS[code] : undefined;
	// Whatever else stands there was written by somebody else: it is not repeated.
	return new ApiError(0, words ? code : 'unknown', words ?? 'That login came to nothing. Begin again.');
}

/** Where a login at the provider begins that comes back to this page. */
export function startHref(start: string, to: string): string {
	return to === '/' ? start : `${start}?to=${encodeURIComponent(to)}`;
}
