import { api, fetched } from '$lib/api/client';
import { asApiError, type ApiError } from '$lib/api/errors';
import { problemOf, typedOf, valueOf } from './value';
import type { Setting } from './groups';

/** What was typed on the page of settings and is not saved yet, and what the server said about it. */
export class Edits {
	typed = $state.raw<Record<string, string>>({});
	busy = $state(false);
	error = $state.raw<ApiError | undefined>();

	get count(): number {
		return Object.keys(this.typed).length;
	}

	/** The key that the server's refusal is about. */
	get refused(): string | undefined {
		const field = this.error?.details?.field;
		return typeof field === 'string' ? field : undefined;
	}

	/** What was typed back to what it was is no change. */
	type(setting: Setting, text: string): void {
		const { [setting.key]: _, ...others } = this.typed;
		this.typed = text === typedOf(setting) ? others : { ...others, [setting.key]: text };
		this.error = undefined;
	}

	discard(): void {
		this.typed = {};
		this.error = undefined;
	}

	problem(setting: Setting): string | undefined {
		const typed = this.typed[setting.key];
		const here = typed === undefined ? undefined : problemOf(setting, typed);
		return here ?? (this.refused === setting.key ? this.error?.message : undefined);
	}

	/** Sends what was changed and nothing else. Returns what the server says about it; nothing if it refused. */
	async save(settings: readonly Setting[]): Promise<string | undefined> {
		const body = Object.fromEntries(
			settings.filter((setting) => setting.key in this.typed).map((setting) => [setting.key, valueOf(setting, this.typed[setting.key] ?? '')])
		);
		const note = await this.#put(body);
		if (note !== undefined) this.typed = {};
		return note;
	}

	/** File or default count again for this key. */
	reset(setting: Setting): Promise<string | undefined> {
		return this.#put({ [setting.key]: null });
	}

	async #put(body: Record<string, unknown>): Promise<string | undefined> {
		this.busy = true;
		this.error = undefined;
		try {
			// The description of the API calls it an object, whose generated type has no fields.
			return (await fetched(api.PUT('/api/v1/settings', { body: body as Record<string, never> }))).note;
		} catch (thrown) {
			this.error = asApiError(thrown);
			return undefined;
		} finally {
			this.busy = false;
		}
	}
}
