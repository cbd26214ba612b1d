import { setParams } from '$lib/state/url.svelte';
import { page } from '$app/state';

/** Filters of a list, kept in the address under their own names; `asked` is what the server is asked with. */
export class Filters<Name extends string> {
	constructor(private readonly names: readonly Name[]) {}

	get(name: Name): string {
		return page.url.searchParams.get(name) ?? '';
	}

	set(name: Name, value: string): void {
		setParams({ [name]: value });
	}

	/** Those that are set. */
	get asked(): Partial<Record<Name, string>> {
		return Object.fromEntries(this.names.filter((name) => this.get(name) !== '').map((name) => [name, this.get(name)])) as Partial<Record<Name, string>>;
	}

	get any(): boolean {
		return this.names.some((name) => this.get(name) !== '');
	}

	clear(): void {
		setParams(Object.fromEntries(this.names.map((name) => [name, ''])));
	}
}
