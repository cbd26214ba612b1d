import { goto } from '$app/navigation';
import { page } from '$app/state';

/**
 * One value kept in the address, so that a page can be sent to somebody and found again: `const filter = param('q')`,
 * then `filter.value`. An empty value is not written.
 */
export function param(name: string, none = '') {
	return {
		get value(): string {
			return page.url.searchParams.get(name) ?? none;
		},
		set value(value: string) {
			setParams({ [name]: value === none ? '' : value });
		}
	};
}

/** Where this page is going and has not come to yet: what is changed in that moment is changed there. */
let going: URL | undefined;

function address(): URL {
	return going?.pathname === page.url.pathname ? going : page.url;
}

function changed(values: Record<string, string>): URL {
	const url = new URL(address());
	for (const [name, value] of Object.entries(values)) {
		if (value) url.searchParams.set(name, value);
		else url.searchParams.delete(name);
	}
	return url;
}

/** The address of this page with some values changed: for links that "back" is to come back from. */
export function linkWith(values: Record<string, string>): string {
	const { pathname, search } = changed(values);
	return pathname + search;
}

/** Changes several values at once. */
export function setParams(values: Record<string, string>): void {
	const url = changed(values);
	if (url.href === address().href) return;
	going = url;
	const there = () => {
		if (going === url) going = undefined;
	};
	goto(url, { replaceState: true, keepFocus: true, noScroll: true }).then(there, there);
}
