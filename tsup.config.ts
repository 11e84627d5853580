import { fileURLToPath } from 'node:url';
import { defineConfig } from 'tsup';
import { writeCommonJs } from './build/commonjs.js';
import { writeSubpaths } from './build/subpaths.js';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** One entry a public subpath; shared code lands in chunks, so that every class exists once however it is imported. */
const library = {
  format: ['esm'] as const,
  target: 'node20.19',
  sourcemap: true,
  splitting: true,
};

export default defineConfig((overrides) => ({
  ...library,
  format: [...library.format],
  entry: {
    index: 'src/index.ts',
    koa: 'src/koa.ts',
    'client/index': 'src/client/index.ts',
    'testing/index': 'src/testing/index.ts',
    'adapters/store/memory': 'adapters/store/memory/index.ts',
    'adapters/store/postgres': 'adapters/store/postgres/index.ts',
    'adapters/store/redis': 'adapters/store/redis/index.ts',
    'adapters/store/sqlite': 'adapters/store/sqlite/index.ts',
    'adapters/auth/oauth-bearer': 'adapters/auth/oauth-bearer/index.ts',
    'adapters/auth/client-attestation': 'adapters/auth/client-attestation/index.ts',
    'adapters/notify/apns': 'adapters/notify/apns/index.ts',
    'adapters/notify/fcm': 'adapters/notify/fcm/index.ts',
    'adapters/notify/web-push': 'adapters/notify/web-push/index.ts',
    'adapters/notify/webhook': 'adapters/notify/webhook/index.ts',
    'cli/main': 'src/cli/main.ts',
  },
  external: [
    'koa',
    '@koa/router',
    'keyv',
    '@keyv/redis',
    '@keyv/postgres',
    'pg',
    'libsql',
    'jose',
    'oauth4webapi',
    'openid-client',
    'web-push',
  ],
  dts: overrides.dts ?? true,
  clean: overrides.clean ?? true,
  onSuccess: async () => {
    await writeCommonJs(`${ROOT}dist`);
    await writeSubpaths(ROOT);
  },
}));
