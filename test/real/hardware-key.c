/* A security key in software, behind the interface that OpenSSH gives to real ones (PROTOCOL.u2f): the handle is the seed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

enum { VERSION = 0x000a0000, ED25519 = 1, TOUCHED = 1, SEED = 32, KEY = 32, SIGNATURE = 64, UNSUPPORTED = -2, GENERAL = -1 };

struct enrolled { uint8_t flags; uint8_t *key; size_t key_len; uint8_t *handle; size_t handle_len; uint8_t *signature; size_t signature_len; uint8_t *certificate; size_t certificate_len; uint8_t *data; size_t data_len; };
struct signature { uint8_t flags; uint32_t counter; uint8_t *r; size_t r_len; uint8_t *s; size_t s_len; };

uint32_t sk_api_version(void) { return VERSION; }

int sk_enroll(uint32_t algorithm, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags, const char *pin, void **options, struct enrolled **answer)
{
    (void)challenge; (void)challenge_len; (void)application; (void)pin; (void)options;
    if (algorithm != ED25519) return UNSUPPORTED;
    struct enrolled *found = calloc(1, sizeof *found);
    found->flags = flags;
    found->handle = malloc(found->handle_len = SEED);
    found->key = malloc(found->key_len = KEY);
    if (RAND_bytes(found->handle, SEED) != 1) return GENERAL;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, found->handle, SEED);
    if (pair == NULL || EVP_PKEY_get_raw_public_key(pair, found->key, &found->key_len) != 1) return GENERAL;
    EVP_PKEY_free(pair);
    *answer = found;
    return 0;
}

int sk_sign(uint32_t algorithm, const uint8_t *data, size_t data_len, const char *application, const uint8_t *handle, size_t handle_len, uint8_t flags, const char *pin, void **options, struct signature **answer)
{
    (void)pin; (void)options;
    if (algorithm != ED25519 || handle_len != SEED) return UNSUPPORTED;
    uint8_t message[2 * SHA256_DIGEST_LENGTH + 5] = { 0 };
    SHA256((const uint8_t *)application, strlen(application), message);
    message[SHA256_DIGEST_LENGTH] = flags | TOUCHED;
    message[SHA256_DIGEST_LENGTH + 4] = 1;
    SHA256(data, data_len, message + SHA256_DIGEST_LENGTH + 5);
    struct signature *found = calloc(1, sizeof *found);
    found->flags = flags | TOUCHED;
    found->counter = 1;
    found->r = malloc(found->r_len = SIGNATURE);
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, handle, SEED);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (EVP_DigestSignInit(context, NULL, NULL, NULL, pair) != 1 || EVP_DigestSign(context, found->r, &found->r_len, message, sizeof message) != 1) return GENERAL;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    *answer = found;
    return 0;
}

int sk_load_resident_keys(const char *pin, void **options, void ***keys, size_t *count)
{
    (void)pin; (void)options; (void)keys; (void)count;
    return UNSUPPORTED;
}
