/* A careless caller of everything: careless ROUNDS [UNTIL] < functions
 *
 * Each line names a function, and has a letter for each parameter: s a string, p a pointer, n a number, h a handle,
 * c a notifier. The function is called ROUNDS times (or until a file is there) with NULL, short, absurd, unaligned and unterminated
 * arguments. What a pointer leads to is always there, as the contract of C demands, and nothing behind the end of a string is.
 * Prints each code that was given, and how often.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <windows.h>
#include <ras.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#define AREA 262144
#define MOST 256

typedef DWORD (*function)(ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);

static struct {
    char name[64], parameters[16];
    function call;
} functions[MOST];
static int number;

/* A number that is different each time and the same in each run. */
static unsigned long long seed = 88172645463325252ULL;
static unsigned dice(unsigned sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 16) % sides);
}

/* An area with nothing behind it. */
static char *area(void)
{
    char *place = (char *)mmap(NULL, AREA + 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED || mprotect(place + AREA, 65536, PROT_NONE) != 0)
        abort();
    return place;
}

static const char *const texts[] = {"", "z:", "q:", "Z", "\\\\0\\s", "\\\\127.0.0.1:1\\x", "\\\\nowhere", "sftp://0:1/x", "a/b",
    "//", "\\\\", "...", "%s%n", "\xff\xfe", ".123", "Cleardown SMB", "office", "/nowhere.pbk", "/", "\\\\0\\s\\a\\b", "\xc3\xa4\xc3\xb6"};

/* A string that ends where its memory ends. */
static ULONG_PTR text(char *end, int wide)
{
    const char *source = texts[dice(sizeof texts / sizeof *texts)];
    size_t length = strlen(source) + 1, i;
    char *place = end - (wide ? 2 * length : length);

    if (!wide)
        memcpy(place, source, length);
    for (i = 0; wide && i < length; i++) {
        place[2 * i] = source[i];
        place[2 * i + 1] = 0;
    }
    return (ULONG_PTR)place;
}

/* Memory that a structure, an array or a size may be in: numbers, sizes of structures, and pointers to short strings. */
static ULONG_PTR memory(char *place)
{
    static char strings[8][64] = {"", "z:", "q:", "\\\\0\\s", ".1", "//", "x", "\\\\0"};
    static const DWORD sizes[] = {0, 1, 4, 20, 24, 32, 40, 48, 56, 60, 108, 152, 264, 272, 288, 296, 332, 532, 540, 608, 724, 1048, 1052,
        1068, 1076, 1388, 2120, 5648, 65536, 0xFFFFFFFF};
    ULONG_PTR *words = (ULONG_PTR *)place;
    int i, kind = dice(4);

    memset(place, 0, AREA / 2);
    for (i = 0; kind != 0 && i < 1024; i++)
        words[i] = dice(4) == 0 ? (ULONG_PTR)strings[dice(8)] : dice(3) == 0 ? dice(4096) : 0;
    if (kind != 0)
        words[0] = sizes[dice(sizeof sizes / sizeof *sizes)];
    /* Pointers in it would not be pointers any more if it were moved. */
    return (ULONG_PTR)place + (kind == 0 ? dice(8) : 0);
}

static VOID WINAPI heard(UINT message, RASCONNSTATE state, DWORD error)
{
    (void)message, (void)state, (void)error;
}

static ULONG_PTR any_number(void)
{
    static const DWORD numbers[] = {0, 1, 2, 3, 4, 5, 8, 16, 64, 128, 255, 260, 600, 676, 870, 4096, 0x8021, 0x8057, 0x20000, 0x7FFFFFFF,
        0x80000000, 0xFFFFFFFF};
    return numbers[dice(sizeof numbers / sizeof *numbers)];
}

static ULONG_PTR argument(char letter, char *place, int wide)
{
    static const ULONG_PTR handles[] = {0, 1, 4, 8, 0x40004, 0x40008, 0x4000c, 0x10004, 0x7fff0123456789, (ULONG_PTR)-1};

    switch (letter) {
    case 's':
        if (dice(6) == 0)
            return dice(2);
        if (dice(12) == 0)
            return (ULONG_PTR)memset(place, 'x', AREA);
        return text(place + AREA, wide);
    case 'p':
        return dice(6) == 0 ? dice(4096) : memory(place);
    case 'h':
        return handles[dice(sizeof handles / sizeof *handles)];
    case 'c':
        return dice(2) ? (ULONG_PTR)heard : 0;
    default:
        return any_number();
    }
}

static void read_functions(void)
{
    char line[256];

    while (number < MOST && fgets(line, sizeof line, stdin)) {
        functions[number].parameters[0] = 0;
        if (sscanf(line, "%63s %15s", functions[number].name, functions[number].parameters) < 1)
            abort();
        *(void **)&functions[number].call = dlsym(RTLD_DEFAULT, functions[number].name);
        if (!functions[number].call) {
            printf("%s is not there\n", functions[number].name);
            abort();
        }
        number++;
    }
}

int main(int argc, char **argv)
{
    static unsigned given[65536];
    char *areas[8];
    ULONG_PTR a[8];
    DWORD code;
    int round, i, p;

    if (argc < 2)
        return 2;
    read_functions();
    for (p = 0; p < 8; p++)
        areas[p] = area();
    for (round = 0; round < atoi(argv[1]) && (argc < 3 || access(argv[2], F_OK) != 0); round++) {
        for (i = 0; i < number; i++) {
            const char *name = functions[i].name, *letters = functions[i].parameters;
            int wide = name[strlen(name) - 1] == 'W';

            for (p = 0; p < 8; p++)
                a[p] = p < (int)strlen(letters) ? argument(letters[p], areas[p], wide) : 0;
            if (getenv("CARELESS_SHOWS"))
                fprintf(stderr, "%s\n", name);
            code = functions[i].call(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
            given[code % 65536]++;
        }
    }
    for (i = 0; i < 65536; i++)
        if (given[i])
            printf("%d %u\n", i, given[i]);
    printf("alive\n");
    return 0;
}
