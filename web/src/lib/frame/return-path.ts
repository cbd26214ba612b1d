/** The login page that leads back to `here`. */
export function loginHref(here: URL): string {
	const path = here.pathname + here.search;
	return path === '/' ? '/login' : `/login?to=${encodeURIComponent(path)}`;
}

/** Where to go after the login: a page of ours, never another host. */
export function returnPath(to: string | null): string {
	if (!to) return '/';
	// A base that is nobody's: what does not stay there leads elsewhere.
	const base = 'http://here.invalid';
	let url: URL;
	try {
		url = new URL(to, base);
	} catch {
		return '/';
	}
	if (url.origin !== base || url.pathname.startsWith('/login')) return '/';
	return url.pathname + url.search + url.hash;
}
