import { describe, expect, it } from 'vitest';
import { ApiError, asApiError, errorOf } from './errors';

describe('a failure', () => {
	it('is what the server says it is', () => {
		const error = errorOf(409, { error: 'the drive is at work', code: 'drive_busy', details: { drive_id: 2 } });
		expect(error).toMatchObject({ status: 409, code: 'drive_busy', message: 'the drive is at work', details: { drive_id: 2 } });
	});
	it('is told even if something else answered', () => {
		for (const body of ['<html>Bad gateway</html>', null, undefined, [], { error: 5 }]) {
			expect(errorOf(502, body)).toMatchObject({ status: 502, code: 'unexpected_answer', message: 'the server answered 502 without saying why' });
		}
		expect(errorOf(400, { error: 'no', details: 'none' })).toMatchObject({ code: 'unknown', details: null });
	});
	it('is known again, whatever was thrown', () => {
		const known = new ApiError(404, 'not_found', 'there is no tape 9');
		expect(asApiError(known)).toBe(known);
		expect(asApiError(new TypeError('Failed to fetch'))).toMatchObject({ status: 0, code: 'no_answer' });
		expect(asApiError(new Error('odd'))).toMatchObject({ code: 'unexpected', message: 'odd' });
		expect(asApiError('odd')).toMatchObject({ message: 'odd' });
	});
});
