/** What every failure of the API looks like; see `ErrorBody` in its description. */
export class ApiError extends Error {
	constructor(
		/** HTTP status; 0 when there was no answer. */
		readonly status: number,
		/** Stable word for programs. */
		readonly code: string,
		message: string,
		readonly details: Record<string, unknown> | null = null
	) {
		super(message);
		this.name = 'ApiError';
	}
}

/** The error of an answer that was not a success, whatever its body. */
export function errorOf(status: number, body: unknown): ApiError {
	if (isRecord(body) && typeof body.error === 'string') {
		const code = typeof body.code === 'string' ? body.code : 'unknown';
		return new ApiError(status, code, body.error, isRecord(body.details) ? body.details : null);
	}
	return new ApiError(status, 'unexpected_answer', `the server answered ${status} without saying why`);
}

/** Anything that was thrown, as an error of the API. */
export function asApiError(thrown: unknown): ApiError {
	if (thrown instanceof ApiError) return thrown;
	if (thrown instanceof TypeError) {
		return new ApiError(0, 'no_answer', 'the server does not answer: is it running, and can this machine reach it?');
	}
	return new ApiError(0, 'unexpected', thrown instanceof Error ? thrown.message : String(thrown));
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
