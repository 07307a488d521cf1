/* A small JSON reader for test data: one value per text, kept as a tree. Numbers are doubles; NaN, Infinity and
   -Infinity are taken as Python writes them. No errors are survived: data that is no JSON ends the program. */
#ifndef JSON_H
#define JSON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

typedef enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;

typedef struct json {
    json_kind kind;
    double number; /* of booleans too */
    char *string;
    int count;
    struct json *item; /* elements, or members' values */
    char **key;        /* members' names */
} json;

static inline void *json_memory(void *p, size_t n) {
    p = realloc(p, n ? n : 1);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

static inline const char *json_skip(const char *s) {
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') s++;
    return s;
}

static inline const char *json_text(const char *s, char **out) {
    size_t n = 0;
    char *text = (char *)json_memory(NULL, strlen(s) + 1 < 65536 ? 65536 : strlen(s) + 1);
    for (s++; *s && *s != '"'; s++) {
        if (*s != '\\') {
            text[n++] = *s;
            continue;
        }
        s++;
        if (*s == 'u') text[n++] = '?', s += 4; /* names and notes only; their letters do not matter */
        else text[n++] = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
    }
    text[n] = 0;
    *out = (char *)json_memory(text, n + 1);
    return *s ? s + 1 : s;
}

static inline const char *json_value(const char *s, json *v) {
    memset(v, 0, sizeof *v);
    s = json_skip(s);
    if (*s == '{' || *s == '[') {
        int object = *s == '{', room = 0;
        v->kind = object ? JSON_OBJECT : JSON_ARRAY;
        for (s = json_skip(s + 1); *s && *s != '}' && *s != ']';) {
            if (v->count == room) {
                room = room ? 2 * room : 4;
                v->item = (json *)json_memory(v->item, (size_t)room * sizeof *v->item);
                if (object) v->key = (char **)json_memory(v->key, (size_t)room * sizeof *v->key);
            }
            if (object) s = json_skip(json_skip(json_text(s, &v->key[v->count])) + 1);
            s = json_skip(json_value(s, &v->item[v->count++]));
            if (*s == ',') s = json_skip(s + 1);
        }
        return *s ? s + 1 : s;
    }
    if (*s == '"') {
        v->kind = JSON_STRING;
        return json_text(s, &v->string);
    }
    const struct { /* not static: tcc's NAN is no constant */
        const char *word;
        json_kind kind;
        double number;
    } words[] = {{"null", JSON_NULL, 0},
                 {"true", JSON_BOOL, 1},
                 {"false", JSON_BOOL, 0},
                 {"NaN", JSON_NUMBER, (double)NAN},
                 {"Infinity", JSON_NUMBER, HUGE_VAL},
                 {"-Infinity", JSON_NUMBER, -HUGE_VAL}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(s, words[i].word, strlen(words[i].word)) == 0) {
            v->kind = words[i].kind, v->number = words[i].number;
            return s + strlen(words[i].word);
        }
    char *end;
    v->kind = JSON_NUMBER, v->number = strtod(s, &end);
    if (end == s) {
        fprintf(stderr, "not JSON: %.40s\n", s);
        exit(2);
    }
    return end;
}

static inline void json_free(json *v) {
    for (int i = 0; i < v->count; i++) {
        json_free(&v->item[i]);
        if (v->key) free(v->key[i]);
    }
    free(v->item), free(v->key), free(v->string);
}

/* Member of an object, NULL if it is not there or null. */
static inline const json *json_get(const json *v, const char *key) {
    for (int i = 0; v && v->kind == JSON_OBJECT && i < v->count; i++)
        if (strcmp(v->key[i], key) == 0) return v->item[i].kind == JSON_NULL ? NULL : &v->item[i];
    return NULL;
}

static inline double json_real(const json *v, const char *key, double otherwise) {
    const json *m = json_get(v, key);
    return m && (m->kind == JSON_NUMBER || m->kind == JSON_BOOL) ? m->number : otherwise;
}

static inline const char *json_string(const json *v, const char *key, const char *otherwise) {
    const json *m = json_get(v, key);
    return m && m->kind == JSON_STRING ? m->string : otherwise;
}

/* All numbers of nested arrays, in order. Returns how many there are; writes at most max. */
static inline int json_numbers(const json *v, double *out, int max) {
    if (!v) return 0;
    if (v->kind != JSON_ARRAY) {
        if (max > 0) *out = v->number;
        return 1;
    }
    int n = 0;
    for (int i = 0; i < v->count; i++)
        n += json_numbers(&v->item[i], out + (n < max ? n : max), n < max ? max - n : 0);
    return n;
}

#endif
